"""Who carries out an attempt: our own loop over a model, or a script; litellm is loaded late."""
