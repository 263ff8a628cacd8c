"""A training's course as one message for the page."""

from __future__ import annotations

import numpy as np

from ..analysis.course import Course, panel_spec
from ..live import Frame


def course_frame(course: Course) -> Frame:
    """Return a course as a frame.

    Its buffers are the columns (columns, N) and the batches (3, M), both in float64.
    """
    header = {
        "unit": course.unit,
        "columns": list(course.columns),
        "count": len(course),
        "panels": [panel_spec(panel) for panel in course.panels],
        "best": course.best,
        "overfitsFrom": course.overfits_from,
        "changes": [change._asdict() for change in course.changes],
    }
    table = np.array([*course.columns.values()], "<f8")
    return Frame(header, [table.tobytes(), course.batches.T.astype("<f8").tobytes()])
