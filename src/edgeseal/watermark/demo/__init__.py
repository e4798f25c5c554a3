"""The main job from end to end on the bundled reference pair and photographs."""

from edgeseal.watermark.demo._demo import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]
