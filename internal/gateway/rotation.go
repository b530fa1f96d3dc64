package gateway

import (
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
	rot, _, err := rotation.Parse("rotation.toml", v.Text)
	if err != nil {
		return err
	}
	b.rot = rot
	if err := b.leavers(); err != nil {
		return err
	}
	b.after = append(b.after, func() {
		b.g.log.Info("rotation", "version", rot.Version, "changes", strings.Join(in.Changes, "; "))
	})
	if len(in.Changes) > 0 {
		err := b.notify(threads.Conversation{}, threads.Notify{
			OutID: "rotation.good." + v.Version + "." + b.now.Format("20060102150405"), Kind: threads.NoticeRotation,
			Reason: strings.Join(in.Changes, "\n"), Event: 1,
		}, nil)
		if err != nil {
			return err
		}
	}
	return b.lookAll(b.unsettled)
}
