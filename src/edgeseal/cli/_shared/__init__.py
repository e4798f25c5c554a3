"""What verbs share: options, printing, outputs, progress and interruption."""
