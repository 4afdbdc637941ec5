"""SFTP: files are fetched from servers of others, answers are brought there. Uploads into our machine are OpenSSH's."""
