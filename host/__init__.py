"""One machine: files, folders, processes, jobs."""
