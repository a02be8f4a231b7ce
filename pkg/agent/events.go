package agent

import "bytes"

// eventParser reads a stream of server-sent events from pieces of any size. It follows the HTML
// standard, but also takes an event that the stream's end cuts off from its blank line. It has no
// limit of its own: whoever reads the stream bounds it.
type eventParser struct {
	line  []byte // the present line so far
	begun bool   // the first line is over
	cr    bool   // the last byte was a CR: an LF belongs to the same line end
	name  string // of the present event
	data  []byte // of the present event
}

var byteOrderMark = []byte("\ufeff")

// next reads from the input up to the end of an event that holds a message. It returns the event's
// data, nil if the input does not end one, and what is left of the input.
func (p *eventParser) next(in []byte) (data, rest []byte) {
	for len(in) > 0 {
		if p.cr && in[0] == '\n' {
			p.cr, in = false, in[1:]
			continue
		}
		end := bytes.IndexAny(in, "\r\n")
		if p.cr = end >= 0 && in[end] == '\r'; end < 0 {
			p.line = append(p.line, in...)
			break
		}
		p.line = append(p.line, in[:end]...)
		in = in[end+1:]
		if data := p.endLine(); data != nil {
			return data, in
		}
	}
	return nil, nil
}

// end returns the data of the event that the end of the stream ends, nil if there is none.
func (p *eventParser) end() []byte {
	if len(p.line) > 0 {
		p.endLine()
	}
	return p.endEvent()
}

// endLine reads the line. An empty one ends the event, whose data it returns.
func (p *eventParser) endLine() []byte {
	line := p.line
	p.line = nil // the event keeps parts of it
	if !p.begun {
		line, p.begun = bytes.TrimPrefix(line, byteOrderMark), true
	}
	if len(line) == 0 {
		return p.endEvent()
	}
	field, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(field) { // id and retry are for streams that are resumed; a comment has no name
	case "event":
		p.name = string(bytes.TrimSpace(value))
	case "data":
		if p.data == nil {
			p.data = value
		} else {
			p.data = append(append(p.data, '\n'), value...)
		}
	}
	return nil
}

// endEvent returns the data of the event, nil if it holds no message: it has another name, or no
// data, like the events that only open a stream.
func (p *eventParser) endEvent() []byte {
	name, data := p.name, p.data
	p.name, p.data = "", nil
	if name != "" && name != "message" || len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	return data
}
