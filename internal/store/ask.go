package store

// Ask takes a mail out of the inbox until somebody has said who vouches for
// it. The record keeps its reference to the raw mail.
func (tx *Tx) Ask(r InboxRecord) error {
	if err := tx.DropInbox(r.Seq); err != nil {
		return err
	}
	tx.touched(WakeAsked)
	return tx.put(bAsked, u64(r.Seq), r)
}

// Asked returns up to max of the records taken out, oldest first.
func (tx *Tx) Asked(max int) ([]InboxRecord, error) { return tx.records(bAsked, max) }

// Answer puts a record, with its answer, back into its old place of the inbox.
func (tx *Tx) Answer(r InboxRecord) error {
	if err := tx.bucket(bAsked).Delete(u64(r.Seq)); err != nil {
		return err
	}
	tx.touched(WakeInbox)
	return tx.UpdateInbox(r)
}
