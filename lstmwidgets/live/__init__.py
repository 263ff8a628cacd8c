"""Pictures that move: what a page draws on canvases, and what it is sent for that.

`Feed` says what is new of a run, in one message a frame; the modules and style sheets beside it
draw it. Widgets carry them into notebooks.
"""

from .bundle import CHART_MODULES, joined_modules, joined_styles
from .feed import Choice, Feed, Frame
from .page import StillPart, still_page
from .panels import live_panels
from .still import step_frame, still_frame, times_of

__all__ = [
    "CHART_MODULES",
    "Choice",
    "Feed",
    "Frame",
    "StillPart",
    "joined_modules",
    "joined_styles",
    "live_panels",
    "step_frame",
    "still_frame",
    "still_page",
    "times_of",
]
