package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// What came back. The cookie is what the server set: empty if it set none or cleared it.
type response struct {
	status int
	cookie string
	body   []byte
}

// One kept-alive connection. Much cheaper than net/http, and the machine is shared with the server that is measured.
type connection struct {
	address string
	socket  net.Conn
	reader  *bufio.Reader
	buffer  bytes.Buffer
	body    []byte
}

func dial(address string) (*connection, error) {
	socket, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &connection{address: address, socket: socket, reader: bufio.NewReaderSize(socket, 4096)}, nil
}

// send sends one request and waits for its response, whose body is valid until the next one.
func (c *connection) send(method, path, cookie, body string) (response, error) {
	c.buffer.Reset()
	fmt.Fprintf(&c.buffer, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, c.address)
	if cookie != "" {
		fmt.Fprintf(&c.buffer, "Cookie: session=%s\r\n", cookie)
	}
	if method != "GET" {
		fmt.Fprintf(&c.buffer, "Content-Length: %d\r\n", len(body))
	}
	c.buffer.WriteString("\r\n")
	c.buffer.WriteString(body)
	c.socket.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.socket.Write(c.buffer.Bytes()); err != nil {
		return response{}, err
	}
	return c.receive()
}

func (c *connection) receive() (response, error) {
	var answer response
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return answer, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return answer, fmt.Errorf("no status line: %q", line)
	}
	if answer.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return answer, err
	}
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return answer, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return answer, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return answer, errors.New("a chunked response")
		case bytes.EqualFold(name, []byte("Set-Cookie")):
			pair, _, _ := bytes.Cut(value, []byte(";"))
			if _, token, found := bytes.Cut(pair, []byte("=")); found {
				answer.cookie = string(token)
			}
		}
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.reader, c.body)
	answer.body = c.body
	return answer, err
}
