package main

import (
	"fmt"
	"os"
	"sort"
	"sync"
	"time"
)

type event int

const (
	created event = iota
	reads
	updates
	logins
	renewals
	logouts
	expired
	unavailable
	events
)

var names = [events]string{"created", "reads", "updates", "logins", "renewals", "logouts", "expired", "unavailable"}

// What all workers count together.
type tally struct {
	mutex     sync.Mutex
	counts    [events]int64
	mistakes  int64
	latencies []time.Duration
}

func (t *tally) count(what event) {
	t.mutex.Lock()
	t.counts[what]++
	t.mutex.Unlock()
}

func (t *tally) latency(value time.Duration) {
	t.mutex.Lock()
	t.latencies = append(t.latencies, value)
	t.mutex.Unlock()
}

// wrong counts what the server must not do; the first ones are printed.
func (t *tally) wrong(text string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.mistakes++
	if t.mistakes <= 20 {
		fmt.Fprintln(os.Stderr, text)
	}
}

// report prints one line of JSON: the counts since the start, and the latencies in milliseconds since the last line.
func (t *tally) report(phase string) {
	t.mutex.Lock()
	counts, mistakes, latencies := t.counts, t.mistakes, t.latencies
	t.latencies = make([]time.Duration, 0, len(latencies)+64)
	t.mutex.Unlock()
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	at := func(part float64) float64 {
		if len(latencies) == 0 {
			return 0
		}
		return float64(latencies[int(part*float64(len(latencies)-1))].Microseconds()) / 1000
	}
	fmt.Printf(`{"phase":"%s","wrong":%d,"p50":%.3f,"p99":%.3f,"longest":%.3f`, phase, mistakes, at(0.5), at(0.99), at(1))
	for index, name := range names {
		fmt.Printf(`,"%s":%d`, name, counts[index])
	}
	fmt.Println("}")
}
