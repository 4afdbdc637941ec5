"""What people add: catalog formats, layouts and rules, commands, drivers. It knows no folder and no SQL."""
