package store

// Document is stored without being interpreted.
type Document struct {
	// Version counts the stored changes. It is 0 for a document that is not stored yet.
	Version int64
	Body    []byte
}
