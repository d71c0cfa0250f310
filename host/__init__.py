"""This machine: files, folders, processes, jobs."""
