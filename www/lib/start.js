// @ts-check
// For pages that need nothing but their masthead.

import { startPage } from "./page.js";

void startPage();
