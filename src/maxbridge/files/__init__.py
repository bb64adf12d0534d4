"""Transfer files between the two services: fetch, keep temporarily, inspect, upload."""
