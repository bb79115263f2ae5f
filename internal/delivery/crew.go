package delivery

import "sync"

// maxResting bounds the goroutines that a crew keeps for later. Each keeps its stack, about 8 KiB.
const maxResting = 64

// crew runs functions in goroutines that it uses again. A delivery needs a deep stack: a new goroutine would have to
// grow its own for each, which costs about 3 % of the processor time of publishing and delivering an event.
type crew struct {
	running sync.WaitGroup // functions under way

	mu      sync.Mutex
	resting []chan func() // goroutines that wait for a function, the last one to have begun on top: its stack is in the cache
	ended   bool
	members sync.WaitGroup // goroutines; added to under mu
}

// Go runs f in a goroutine. It must not be called once wait has been.
func (c *crew) Go(f func()) {
	c.running.Add(1)
	c.mu.Lock()
	if last := len(c.resting) - 1; last >= 0 {
		next := c.resting[last]
		c.resting = c.resting[:last]
		c.mu.Unlock()
		next <- f // has room: it was resting
		return
	}
	c.members.Add(1)
	c.mu.Unlock()
	go c.work(f)
}

func (c *crew) work(f func()) {
	defer c.members.Done()
	next := make(chan func(), 1)
	for f != nil {
		c.run(f)
		c.mu.Lock()
		if c.ended || len(c.resting) == maxResting {
			c.mu.Unlock()
			return
		}
		c.resting = append(c.resting, next)
		c.mu.Unlock()
		f = <-next // nil when the crew ends
	}
}

func (c *crew) run(f func()) {
	defer c.running.Done()
	f()
}

// wait returns when the functions have ended.
func (c *crew) wait() { c.running.Wait() }

// end ends the goroutines, after wait.
func (c *crew) end() {
	c.mu.Lock()
	c.ended = true
	for _, next := range c.resting {
		close(next)
	}
	c.resting = nil
	c.mu.Unlock()
	c.members.Wait()
}
