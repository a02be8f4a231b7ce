package layout

import (
	"fmt"
	"strconv"
	"strings"
)

// DynamoDB's limits, in bytes where they are sizes.
const (
	MaxItem             = 400 << 10
	MaxTransaction      = 4 << 20
	MaxTransactionItems = 100
	MaxPartitionKey     = 2048
	MaxSortKey          = 1024
)

// Size returns the size of an item as DynamoDB counts it: the names and the values of all
// attributes.
func (i Item) Size() (n int) {
	for name, value := range i {
		n += len(name)
		switch v := value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		case int64: // a byte for two digits, and one more
			digits := len(strings.Trim(strconv.FormatInt(v, 10), "-0"))
			n += (digits+1)/2 + 1
		}
	}
	return n
}

// Storable reports whether an item with that key can exist: a key is neither empty nor too long.
func (i Item) Storable() bool {
	pk, sk := i.Text("pk"), i.Text("sk")
	return pk != "" && sk != "" && len(pk) <= MaxPartitionKey && len(sk) <= MaxSortKey
}

// Check returns an error if DynamoDB would refuse the item.
func (i Item) Check() error {
	if !i.Storable() {
		return fmt.Errorf("the key of %.64s is empty or too long", i.Text("pk"))
	}
	if n := i.Size(); n > MaxItem {
		return fmt.Errorf("the item %s of %s has %d bytes, at most %d are allowed", i.Text("sk"), i.Text("pk"), n, MaxItem)
	}
	return nil
}

// CheckTransaction returns an error if DynamoDB would refuse a transaction that writes these items
// and some small ones, which only count.
func CheckTransaction(items []Item, small int) error {
	if n := len(items) + small; n > MaxTransactionItems {
		return fmt.Errorf("the transaction has %d items, at most %d are allowed", n, MaxTransactionItems)
	}
	total := 0
	for _, i := range items {
		if err := i.Check(); err != nil {
			return err
		}
		total += i.Size()
	}
	if total > MaxTransaction {
		return fmt.Errorf("the transaction has %d bytes, at most %d are allowed", total, MaxTransaction)
	}
	return nil
}
