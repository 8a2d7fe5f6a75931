// Removes what earlier builds left, so that a file that was deleted from src is
// not packed.
import { rmSync } from "node:fs";

for (const folder of ["dist", "build"]) rmSync(new URL(`../${folder}`, import.meta.url), { recursive: true, force: true });
