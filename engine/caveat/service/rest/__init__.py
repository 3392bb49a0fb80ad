"""REST: screening, explaining, tipping points, the rules, and the state of the service."""
