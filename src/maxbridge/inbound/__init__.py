"""From MAX to FreeScout: events are taken in, and become threads of tickets."""
