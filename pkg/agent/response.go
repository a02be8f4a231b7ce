package agent

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// The media types of an answer over MCP.
const (
	jsonType = "application/json"
	sseType  = "text/event-stream"
)

// mediaType returns the media type of an answer, in lower case and without parameters.
func mediaType(h http.Header) string {
	t, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return t
}

// readResponse reads an MCP answer up to its response, and closes the body.
func readResponse(resp *http.Response) (mcpMessage, error) {
	switch t := mediaType(resp.Header); t {
	case jsonType:
		defer func() { _ = resp.Body.Close() }()
		return readDocument(resp.Body)
	case sseType:
		// The agent may keep the stream open after its response: nobody waits for its end. But a body
		// that was read to its end leaves the connection to the next request.
		defer func() { go drain(resp.Body) }()
		return readStream(resp.Body)
	default:
		_ = resp.Body.Close()
		return mcpMessage{}, fmt.Errorf("the answer's content type %q is neither %s nor %s", t, jsonType, sseType)
	}
}

func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, body)
	_ = body.Close()
}

// readDocument reads an answer that is one message: nothing follows it.
func readDocument(body io.Reader) (mcpMessage, error) {
	data, err := readAll(body)
	if err != nil {
		return mcpMessage{}, err
	}
	m, err := readMessage(data)
	if err == nil && !m.response {
		err = errors.New("the answer is a notification or a request of the agent's, not a response")
	}
	return m, err
}

// readStream reads a stream of events up to a response. What comes before it is passed over:
// progress, log lines, and requests, because we declared no capability that obliges us to answer.
func readStream(body io.Reader) (mcpMessage, error) {
	var p eventParser
	buf := make([]byte, 8<<10)
	for {
		n, err := body.Read(buf)
		for data, rest := p.next(buf[:n]); data != nil; data, rest = p.next(rest) {
			if m, err := readMessage(data); err != nil || m.response {
				return m, err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return mcpMessage{}, breaksOff(err)
		}
	}
	if data := p.end(); data != nil {
		if m, err := readMessage(data); err != nil || m.response {
			return m, err
		}
	}
	return mcpMessage{}, errors.New("the stream ended without a response")
}

func readAll(body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, breaksOff(err)
	}
	return b, nil
}

func breaksOff(err error) error { return fmt.Errorf("the answer breaks off: %w", err) }
