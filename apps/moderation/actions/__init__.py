"""The outcomes of a case, one class each; `ModerationConfig.ready` registers them."""
