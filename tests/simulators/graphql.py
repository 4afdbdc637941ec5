"""A small GraphQL server over plain dictionaries: selections, fragments, arguments, and what a query costs.

It holds every operation against a schema where one is given; without it only what it is asked for is looked up.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.utilities import value_from_ast_untyped

Root = Mapping[str, Callable[[dict[str, Any], Mapping[str, dict[str, Any]]], Any]]


@cache
def problems(text: str, schema: GraphQLSchema | None) -> tuple[str, ...]:
    """What grammar and schema say against an operation, whatever its variables."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return (error.message,)
    return tuple(error.message for error in validate(schema, document)) if schema else ()


class Operation:
    """One request whose text has no problems; `wrong` is what the schema says against its variables."""

    def __init__(self, text: str, variables: dict[str, Any], schema: GraphQLSchema | None) -> None:
        self.variables = variables
        # fragments with names are no part of what is sent
        (self.operation,) = (each for each in parse(text).definitions if isinstance(each, OperationDefinitionNode))
        told: Any = get_variable_values(schema, self.operation.variable_definitions or (), variables) if schema else {}
        self.wrong = [error.message for error in told] if isinstance(told, list) else []

    @property
    def mutates(self) -> bool:
        return self.operation.operation.value == "mutation"

    def fields(self) -> list[FieldNode]:
        return [each for each in self.operation.selection_set.selections if isinstance(each, FieldNode)]

    def run(self, root: Root) -> dict[str, Any]:
        """The data: each field of the root is worked out by its function, from its arguments and directives."""
        data: dict[str, Any] = {}
        for field in self.fields():
            directives = {each.name.value: self.arguments(each) for each in field.directives or ()}
            found = root[field.name.value](self.arguments(field), directives)
            data[_name(field)] = self._shape(field.selection_set, found)
        return data

    def arguments(self, node: FieldNode | DirectiveNode) -> dict[str, Any]:
        return {each.name.value: value_from_ast_untyped(each.value, self.variables) for each in node.arguments or ()}

    def _shape(self, wanted: SelectionSetNode | None, found: Any) -> Any:
        if wanted is None or found is None:
            return found
        if isinstance(found, list):
            return [self._shape(wanted, each) for each in found]
        shaped: dict[str, Any] = {}
        for each in wanted.selections:
            if isinstance(each, InlineFragmentNode):
                if each.type_condition and each.type_condition.name.value == found["__typename"]:
                    shaped |= self._shape(each.selection_set, found)
            elif isinstance(each, FieldNode):
                value = found[each.name.value]
                value = value(self.arguments(each)) if callable(value) else value
                shaped[_name(each)] = self._shape(each.selection_set, value)
        return shaped

    def cost(self) -> int:
        """Points asked for: 10 a mutation, 1 an object, 2 and so many nodes a connection or list of ids."""
        return sum(10 if self.mutates else self._cost_of(field) for field in self.fields())

    def _cost_of(self, field: FieldNode) -> int:
        if field.selection_set is None or field.name.value in ("pageInfo", "userErrors"):
            return 0
        arguments = self.arguments(field)
        inner = self._cost_within(field.selection_set)
        if "first" in arguments:
            return 2 + int(arguments["first"]) * inner
        if "ids" in arguments:
            return len(arguments["ids"]) * inner
        return inner if field.name.value == "nodes" else 1 + inner

    def _cost_within(self, wanted: SelectionSetNode) -> int:
        points = 0
        for each in wanted.selections:
            if isinstance(each, FieldNode):
                points += self._cost_of(each) + (each.name.value == "nodes")
            elif isinstance(each, InlineFragmentNode):
                points += self._cost_within(each.selection_set) + 1
        return points


def connection(nodes: list[Any], key: Callable[[Any], str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function from the arguments `first` and `after` to that page; `nodes` are sorted by `key`."""

    def page(arguments: dict[str, Any]) -> dict[str, Any]:
        first, after = arguments["first"], arguments.get("after")
        rest = nodes if after is None else [node for node in nodes if key(node) > after]
        chosen = rest[:first]
        more = len(rest) > first
        return {
            "nodes": chosen,
            "pageInfo": {"hasNextPage": more, "endCursor": key(chosen[-1]) if chosen else None},
        }

    return page


def _name(field: FieldNode) -> str:
    return (field.alias or field.name).value
