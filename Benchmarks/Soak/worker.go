package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"strconv"
	"time"
)

// One visitor: what the browser would hold, and what the session must hold.
type visitor struct {
	cookie string
	// Unknown (-1) after a sign-in that may have come too late for the session.
	count    int32
	sent     time.Duration
	answered time.Duration
	// Its last use came so late that the session may have ended before it was extended.
	late bool
}

// worker is one connection with visitors of its own, so that for each of them there is one request at a time, and
// what comes back can be told exactly.
type worker struct {
	settings settings
	number   int
	visitors []visitor
	random   *rand.Rand
	tally    *tally
	link     *connection
	started  time.Time
}

func newWorker(number, visitors int, settings settings, tally *tally) (*worker, error) {
	link, err := dial(settings.address)
	if err != nil {
		return nil, err
	}
	return &worker{
		settings: settings, number: number, visitors: make([]visitor, visitors),
		random: rand.New(rand.NewSource(int64(number) + 1)), tally: tally, link: link, started: time.Now(),
	}, nil
}

// fill makes a session for each visitor, as quickly as the server does it.
func (w *worker) fill() error {
	for index := range w.visitors {
		if err := w.update(&w.visitors[index]); err != nil {
			return err
		}
	}
	return nil
}

// load sends requests for visitors at random, evenly spread over the time.
func (w *worker) load(interval, duration time.Duration) error {
	begin := time.Now()
	for turn := 0; ; turn++ {
		due := begin.Add(interval * time.Duration(turn))
		if due.Sub(begin) >= duration {
			return nil
		}
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if err := w.visit(w.random.Intn(len(w.visitors))); err != nil {
			return err
		}
	}
}

func (w *worker) visit(index int) error {
	visitor := &w.visitors[index]
	choice := w.random.Intn(100)
	switch {
	case visitor.cookie == "" || choice < 33:
		return w.update(visitor)
	case choice < 38:
		return w.logout(visitor)
	case choice < 42:
		return w.login(visitor, index)
	case choice < 45:
		return w.renew(visitor)
	default:
		return w.read(visitor)
	}
}

// request sends one request and tells when; a 503 is counted and leaves the visitor as it was.
func (w *worker) request(visitor *visitor, method, path, body string) (response, time.Duration, bool, error) {
	sent := time.Since(w.started)
	answer, err := w.link.send(method, path, visitor.cookie, body)
	w.tally.latency(time.Since(w.started) - sent)
	if err == nil && answer.status == 503 {
		w.tally.count(unavailable)
		return answer, sent, false, nil
	}
	return answer, sent, true, err
}

// mayBeGone tells whether the session may have expired: its deadline lags behind its use by up to a tenth.
func (w *worker) mayBeGone(visitor *visitor) bool {
	return visitor.late || time.Since(w.started)-visitor.sent > w.settings.idle*9/10-w.settings.slack
}

func (w *worker) used(visitor *visitor, sent time.Duration) {
	visitor.late = sent-visitor.sent > w.settings.idle*9/10-w.settings.slack
	visitor.sent, visitor.answered = sent, time.Since(w.started)
}

// made is what used is for a session that has just begun, or that its visitor has signed in to again.
func (w *worker) made(visitor *visitor, sent time.Duration) {
	visitor.sent, visitor.answered, visitor.late = sent, time.Since(w.started), false
}

// mustBeGone complains about a session that ended too early.
func (w *worker) mustBeGone(visitor *visitor, what string) {
	if !w.mayBeGone(visitor) {
		w.wrong("%s: the session is gone, %v after its last use", what, time.Since(w.started)-visitor.sent)
	}
	w.tally.count(expired)
	visitor.cookie, visitor.count = "", 0
}

// refused handles a status that is none of those expected: 409 says that the session ended while the request ran.
func (w *worker) refused(visitor *visitor, what string, status int) error {
	if status == 409 {
		w.mustBeGone(visitor, what)
	} else {
		w.wrong("%s: status %d", what, status)
	}
	return nil
}

// mustLive complains about one that lives too long.
func (w *worker) mustLive(visitor *visitor, sent time.Duration, what string) {
	if sent-visitor.answered > w.settings.idle+w.settings.slack {
		w.wrong("%s: the session lives, %v after its last use", what, sent-visitor.answered)
	}
}

func (w *worker) wrong(format string, arguments ...interface{}) {
	w.tally.wrong(fmt.Sprintf("connection %d: ", w.number) + fmt.Sprintf(format, arguments...))
}

func (w *worker) read(visitor *visitor) error {
	answer, sent, well, err := w.request(visitor, "GET", "/api/values/n", "")
	if err != nil || !well {
		return err
	}
	w.tally.count(reads)
	switch answer.status {
	case 200:
		value, err := strconv.Atoi(string(answer.body))
		if err != nil || visitor.count >= 0 && int32(value) != visitor.count {
			w.wrong("read: %q instead of %d", answer.body, visitor.count)
		}
		w.mustLive(visitor, sent, "read")
		visitor.count = int32(value)
		w.used(visitor, sent)
	case 404:
		// Where it was a sign-in that made the session, nothing may have been counted in it yet.
		if visitor.count >= 0 {
			w.mustBeGone(visitor, "read")
		}
		visitor.cookie = ""
	default:
		return w.refused(visitor, "read", answer.status)
	}
	return nil
}

func (w *worker) update(visitor *visitor) error {
	had := visitor.cookie != ""
	answer, sent, well, err := w.request(visitor, "POST", "/api/counter/n", "")
	if err != nil || !well {
		return err
	}
	if answer.status != 200 {
		return w.refused(visitor, "update", answer.status)
	}
	text := bytes.TrimSuffix(bytes.TrimPrefix(answer.body, []byte(`{"value":`)), []byte("}"))
	value, err := strconv.Atoi(string(text))
	if err != nil {
		w.wrong("update: %q", answer.body)
		return nil
	}
	if answer.cookie != "" {
		// A session of its own: for a first visit, or after the end of the one before.
		if value != 1 || answer.cookie == visitor.cookie {
			w.wrong("a new session counts %d", value)
		}
		if had {
			w.mustBeGone(visitor, "update")
		}
		w.tally.count(created)
		visitor.cookie, visitor.count = answer.cookie, 1
		w.made(visitor, sent)
		return nil
	}
	if !had {
		w.wrong("no cookie for a new session")
	} else if visitor.count >= 0 && int32(value) != visitor.count+1 {
		w.wrong("update: %d instead of %d", value, visitor.count+1)
	}
	w.mustLive(visitor, sent, "update")
	w.tally.count(updates)
	visitor.count = int32(value)
	w.used(visitor, sent)
	return nil
}

func (w *worker) login(visitor *visitor, index int) error {
	late := w.mayBeGone(visitor)
	// Few people with many sessions each, so that all of them have signed in long before the figures count.
	body := fmt.Sprintf(`{"subject":"%d-%d"}`, w.number, index/64)
	old := visitor.cookie
	answer, sent, well, err := w.request(visitor, "POST", "/api/login", body)
	if err != nil || !well {
		return err
	}
	if answer.status != 200 {
		return w.refused(visitor, "login", answer.status)
	}
	if answer.cookie == "" {
		w.wrong("login: no cookie")
		return nil
	}
	w.tally.count(logins)
	visitor.cookie = answer.cookie
	if late {
		visitor.count = -1
	}
	w.made(visitor, sent)
	return w.checkDead(old, "login")
}

func (w *worker) renew(visitor *visitor) error {
	old := visitor.cookie
	answer, sent, well, err := w.request(visitor, "POST", "/api/renew", "")
	if err != nil || !well {
		return err
	}
	if answer.status != 204 {
		return w.refused(visitor, "renewal", answer.status)
	}
	if answer.cookie == "" {
		w.mustBeGone(visitor, "renewal")
		return nil
	}
	w.mustLive(visitor, sent, "renewal")
	w.tally.count(renewals)
	visitor.cookie = answer.cookie
	w.used(visitor, sent)
	return w.checkDead(old, "renewal")
}

func (w *worker) logout(visitor *visitor) error {
	old := visitor.cookie
	answer, _, well, err := w.request(visitor, "POST", "/api/logout", "")
	if err != nil || !well {
		return err
	}
	if answer.status != 204 || answer.cookie != "" {
		w.wrong("logout: status %d", answer.status)
		return nil
	}
	w.tally.count(logouts)
	visitor.cookie, visitor.count = "", 0
	return w.checkDead(old, "logout")
}

// checkDead looks, now and then, whether a token that was given up leads nowhere.
func (w *worker) checkDead(token, what string) error {
	if w.random.Intn(10) != 0 {
		return nil
	}
	answer, err := w.link.send("GET", "/api/values/n", token, "")
	if err == nil && answer.status != 404 && answer.status != 503 {
		w.wrong("%s: the old token still leads somewhere: status %d", what, answer.status)
	}
	w.tally.count(reads)
	return err
}
