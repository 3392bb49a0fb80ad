"""Who may call: tokens, keys, replays, browsers."""
