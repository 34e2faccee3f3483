package containers

// Running returns the container as one that runs.
func Running(c Container) Container {
	c.running = true
	return c
}

// EndedAs returns the container as one that ended so.
func EndedAs(c Container, ended Ended) Container {
	c.running, c.ended = false, &ended
	return c
}
