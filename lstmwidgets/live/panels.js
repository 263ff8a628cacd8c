// The kinds of panels that there are: the kernel names one for each panel of a picture.

import { ClassesPanel } from "./classes_panel.js";
import { CurvePanel, HorizonsPanel, SharesPanel } from "./curve_panel.js";
import { HeatmapPanel } from "./heatmap_panel.js";
import { InputsPanel } from "./inputs_panel.js";
import { LinesPanel } from "./lines_panel.js";

export const PANELS = {
  lines: LinesPanel, classes: ClassesPanel, heatmap: HeatmapPanel, curve: CurvePanel,
  horizons: HorizonsPanel, shares: SharesPanel, inputs: InputsPanel,
};
