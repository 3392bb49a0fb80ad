"""What the OpenAPI document says of the REST routes."""
