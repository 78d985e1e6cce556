"""Programs that read files of strangers. `apps.infra.files.child_process` starts one for each file.

They import libraries and each other, nothing else of the project, and limit themselves before they touch the file.
"""
