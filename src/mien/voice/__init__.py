"""Recognise emotions in voices: sound, windows, speech, the voice bundle, and how voice and face are joined."""
