"""Static faults of a change, found without running anything: each rule a pure function and a sentence."""
