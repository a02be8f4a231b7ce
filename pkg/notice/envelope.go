package notice

import (
	_ "embed" // the schema
	"encoding/json"
	"time"
)

// DataSchema names the schema of an envelope's data: schema/notice-1.json.
const DataSchema = "urn:adcp-orchestrator:schema:notice:1"

// Schema is the JSON Schema of an envelope.
//
//go:embed schema/notice-1.json
var Schema []byte

// Envelope is a CloudEvent (1.0, structured mode) with a notice.
type Envelope struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	DataSchema      string    `json:"dataschema"`
	// Sequence is CloudEvents' extension of that name.
	Sequence string `json:"sequence,omitempty"`
	Data     Data   `json:"data"`
}

// Data is what an envelope carries.
type Data struct {
	Facts
	Text Text `json:"text"`
}

// Envelope returns the envelope of a notice. baseURL is the API's address, which is the source, and
// begins the links.
func (n Notice) Envelope(baseURL string) Envelope {
	return Envelope{
		SpecVersion:     "1.0",
		ID:              n.ID,
		Source:          baseURL,
		Type:            n.Type.Versioned(),
		Subject:         n.Facts.OperationID,
		Time:            n.At,
		DataContentType: "application/json",
		DataSchema:      DataSchema,
		Sequence:        n.Sequence,
		Data:            Data{n.Facts, n.Text(baseURL)},
	}
}

// Encode returns the envelope as JSON. It is the same on the bus, at webhook endpoints and in the
// API.
func (n Notice) Encode(baseURL string) ([]byte, error) { return json.Marshal(n.Envelope(baseURL)) }
