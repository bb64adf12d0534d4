"""From MAX to FreeScout: receive events and turn them into ticket threads."""
