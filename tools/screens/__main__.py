"""``make screens``: runs the commands and draws what is new; names of pictures draw only those."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from screens.drawing import svg
from screens.moving import moving
from screens.scenes import PICTURES, ROOT, SCENES, Scene
from screens.words import with_stamps_of, words_of

_INSIDE = "SCREENS_INSIDE"


def draw(name: str, scene: Scene) -> None:
    """Draw one scene."""
    path = PICTURES / f"{name}.svg"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    drawn = moving if scene.moves else svg
    picture = drawn(scene.title, with_stamps_of(words_of(before), scene.play()))
    if picture == before:
        print(f"{path.name}: as it was")
        return
    path.write_text(picture, encoding="utf-8")
    print(f"{path.name}: drawn, {len(picture.encode()):,} bytes")


def main(names: list[str]) -> int:
    """Draw; what needs a world of its own is drawn by this very program in there."""
    inside = _INSIDE in os.environ
    for name, scene in SCENES.items():
        if names and name not in names:
            continue
        if not scene.apart or inside:
            draw(name, scene)
            continue
        # A fresh world for each: nobody's answers of before are in it.
        world = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
        script = str(Path(__file__).with_name("world.sh"))
        command = [*world, "sh", script, str(ROOT / "systemd"), sys.executable, "-m", "screens"]
        done = subprocess.run([*command, name], check=False, env=os.environ | {_INSIDE: "1"})
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
