"""Training of face finders: labels of many forms, teachers, crops, network, assignment, losses, calibration, export."""
