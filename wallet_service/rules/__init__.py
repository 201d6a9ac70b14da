"""What an event earns: rules that staff write, compiled and priced. Decides; moves nothing."""
