"""What a job can predict, a task a file: models, records, scores."""

from .base import Options, Task
from .named import TASKS, task_by, task_for, task_named

__all__ = ["TASKS", "Options", "Task", "task_by", "task_for", "task_named"]
