"""The live window: a camera or stream with the emotions of its faces drawn on it."""
