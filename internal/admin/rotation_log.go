package admin

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/store"
)

// RotationRow is one version of the rotation file.
type RotationRow struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`       // when it came into effect
	By      string    `json:"by"`       // who rolled back to it; "" when the file was edited
	InForce bool      `json:"in_force"` // the last one
	Changes []string  `json:"changes"`  // in effect
}

// RotationContent is the text of one version.
type RotationContent struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
}

// The names of versions beside their own.
const (
	VersionInForce = "now"
	VersionBefore  = "before" // the last one with another text than the one in force
)

func rotations(st *store.Store) (list []store.RotationVersion, err error) {
	err = st.View(func(tx *store.Tx) error {
		return tx.EachRotation(func(v store.RotationVersion) error {
			list = append(list, v)
			return nil
		})
	})
	if err == nil && len(list) == 0 {
		err = errNoRotation
	}
	if err != nil {
		return nil, fmt.Errorf("reading the rotation's versions: %w", err)
	}
	return list, nil
}

// RotationLog lists the versions of the rotation file, the newest first.
func RotationLog(st *store.Store) ([]RotationRow, error) {
	list, err := rotations(st)
	if err != nil {
		return nil, err
	}
	rows := make([]RotationRow, 0, len(list))
	for i, v := range slices.Backward(list) {
		rows = append(rows, RotationRow{
			Version: v.Version, At: time.Unix(v.Unix, 0).UTC(), By: v.By, InForce: i == len(list)-1, Changes: orEmpty(v.Changes),
		})
	}
	return rows, nil
}

// RotationText finds the text of a version: by its name or the beginning of
// it, or by VersionInForce or VersionBefore.
func RotationText(st *store.Store, name string) (RotationContent, error) {
	list, err := rotations(st)
	if err != nil {
		return RotationContent{}, err
	}
	last := list[len(list)-1]
	var found []store.RotationVersion
	switch name {
	case VersionInForce:
		found = list[len(list)-1:]
	case VersionBefore:
		for _, v := range slices.Backward(list) {
			if !bytes.Equal(v.Text, last.Text) {
				found = append(found, v)
				break
			}
		}
		if found == nil {
			return RotationContent{}, fmt.Errorf("there was no other version before the one in force, %s", last.Version)
		}
	default:
		for _, v := range slices.Backward(list) {
			if strings.HasPrefix(v.Version, name) && (found == nil || found[0].Version != v.Version) {
				found = append(found, v)
			}
		}
	}
	switch len(found) {
	case 0:
		return RotationContent{}, fmt.Errorf("there was no version %q; `postroom rotation log` lists them", name)
	case 1:
		v := found[0]
		return RotationContent{Version: v.Version, At: time.Unix(v.Unix, 0).UTC(), Text: string(v.Text)}, nil
	}
	return RotationContent{}, fmt.Errorf("%q begins %d versions; write more of it", name, len(found))
}
