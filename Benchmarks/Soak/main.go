// The load of Scripts/soak: many visitors of session-demo, each with a session of its own, who read, count, sign in and out,
// and stay away so long that sessions expire. Knows what every session must hold, and complains if it does not.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"time"
)

type settings struct {
	address string
	idle    time.Duration
	// What clocks and a busy machine are forgiven.
	slack time.Duration
}

func main() {
	address := flag.String("address", "127.0.0.1:8080", "where the demo listens")
	visitors := flag.Int("sessions", 20000, "how many visitors")
	seconds := flag.Int("seconds", 30, "how long, after all have a session")
	rate := flag.Float64("rate", 5000, "requests per second")
	idle := flag.Float64("idle", 10, "the demo's --idle, in seconds")
	connections := flag.Int("connections", 32, "how many connections")
	flag.Parse()

	settings := settings{
		address: *address, idle: time.Duration(*idle * float64(time.Second)), slack: 500 * time.Millisecond,
	}
	tally := &tally{}
	workers := make([]*worker, *connections)
	for number := range workers {
		worker, err := newWorker(number, (*visitors+*connections-1-number) / *connections, settings, tally)
		if err != nil {
			fail(err)
		}
		workers[number] = worker
	}
	phase("fill", tally, workers, (*worker).fill)
	interval := time.Duration(float64(time.Second) * float64(*connections) / *rate)
	phase("load", tally, workers, func(w *worker) error {
		// Not all at once.
		time.Sleep(interval * time.Duration(w.number) / time.Duration(*connections))
		return w.load(interval, time.Duration(*seconds)*time.Second)
	})
	phase("end", tally, nil, nil)
	if tally.mistakes > 0 {
		os.Exit(2)
	}
}

// phase lets all workers do something, and reports every second until they have.
func phase(name string, tally *tally, workers []*worker, body func(*worker) error) {
	var group sync.WaitGroup
	for _, one := range workers {
		group.Add(1)
		go func(one *worker) {
			defer group.Done()
			if err := body(one); err != nil {
				fail(err)
			}
		}(one)
	}
	finished := make(chan struct{})
	go func() {
		group.Wait()
		close(finished)
	}()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			tally.report(name)
		case <-finished:
			tally.report(name)
			return
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "soak:", err)
	os.Exit(1)
}
