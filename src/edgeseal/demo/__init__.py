"""The main job from end to end on the bundled reference pair and photographs."""

from edgeseal.demo._run import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]
