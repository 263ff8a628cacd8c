// StateHeatmap: a layer's units and nothing else.

import { StateSession, StateView } from "./state_view.js";
import { widgetOf } from "../live/session.js";

export const stateHeatmap = widgetOf(StateSession, StateView);

export default stateHeatmap;
