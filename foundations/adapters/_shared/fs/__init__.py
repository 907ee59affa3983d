"""The file system: files that appear whole or not at all, directories that only the user can write, removal."""
