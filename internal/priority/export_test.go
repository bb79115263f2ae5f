package priority

// Made returns for how many threads there is room.
func Made() int {
	rooms.Lock()
	defer rooms.Unlock()
	return rooms.made
}
