package gateway

import (
	"fmt"
	"strings"

	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

// rotation puts a new version of the rotation file into effect, or tells the
// admins what is wrong with it. Conversations that wait are looked at again:
// somebody may be there now.
func (b *batch) rotation(in store.InRotation) error {
	if in.Error != "" {
		b.after = append(b.after, func() { b.g.log.Warn("rotation_refused", "version", in.Version, "error", in.Error) })
		return b.notify(threads.Conversation{}, threads.Notify{
			OutID: "rotation.bad." + in.Version, Kind: threads.NoticeRotation, Reason: in.Error,
		}, nil)
	}
	v, ok, err := b.tx.LastRotation()
	if err != nil || !ok {
		return err
	}
	rot, err := readVersion(v)
	if err != nil {
		return err
	}
	if err := b.tellChanges(in, rot); err != nil {
		return err
	}
	was := b.rot
	b.rot = rot
	if err := b.staff(was); err != nil {
		return err
	}
	if err := b.leavers(); err != nil {
		return err
	}
	return b.lookAll(b.unsettled)
}

// readVersion makes the rotation of a stored version.
func readVersion(v store.RotationVersion) (*threads.Rotation, error) {
	known := v.Calendar
	if known == nil {
		known = map[string][]threads.Span{}
	}
	rot, _, err := rotation.Source{Name: "rotation.toml", Text: v.Text, Known: known}.Parse()
	if err != nil {
		return nil, fmt.Errorf("reading version %s of the rotation: %w", v.Version, err)
	}
	rot.Version = v.Version
	return rot, nil
}

// InForce is the rotation in effect as the store has it, for those who only
// read; ok is false before the first start.
func InForce(tx *store.Tx) (rot *threads.Rotation, v store.RotationVersion, ok bool, err error) {
	if v, ok, err = tx.LastRotation(); err != nil || !ok {
		return nil, v, ok, err
	}
	rot, err = readVersion(v)
	return rot, v, err == nil, err
}

// tellChanges says on the log and to the admins what a new version changes in
// effect. What nothing follows from, such as a comment, is told to nobody.
func (b *batch) tellChanges(in store.InRotation, rot *threads.Rotation) error {
	changes := in.Changes
	if len(changes) > 0 { // said again, with what becomes of open conversations
		if now := rotation.DescribeWith(b.rot, rot, b.now, func(key string) int { return b.load[key] }); len(now) > 0 {
			changes = now
		}
	}
	if in.By != "" && len(changes) > 0 {
		changes = append([]string{in.By + " rolled the rotation back to version " + rot.Version + ", until the file next changes:"}, changes...)
	}
	b.after = append(b.after, func() {
		b.g.log.Info("rotation", "version", rot.Version, "changes", strings.Join(changes, "; "))
	})
	if len(changes) == 0 {
		return nil
	}
	return b.notify(threads.Conversation{}, threads.Notify{
		OutID: "rotation.good." + rot.Version + "." + b.now.Format("20060102150405"), Kind: threads.NoticeRotation,
		Reason: strings.Join(changes, "\n"), Event: 1,
	}, nil)
}
