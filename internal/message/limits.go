package message

// Limits on what is read of one mail. What lies beyond is left where it is:
// in the source, and in the part around it; the mail says so among its
// problems.
const (
	maxHeader     = 1 << 20  // octets of one header block
	maxFields     = 1000     // fields of one header block
	maxField      = 64 << 10 // octets of one unfolded field value
	maxDepth      = 20       // levels of multipart
	maxParts      = 1000     // parts of a mail, multiparts counted
	maxBoundary   = 8192     // octets; RFC 2046 §5.1.1 allows 70, some mail has more
	maxAddresses  = 500      // addresses of one kind of field
	maxAddress    = 998      // octets of one addr-spec
	maxName       = 400      // octets of a display name or file name
	maxIDs        = 500      // message ids of one kind of field
	maxID         = 998      // octets of one message id: a line, RFC 5322 §2.1.1
	maxLine       = 998      // octets of a line that may be sent as it is
	maxSubject    = 4000     // octets of the decoded subject
	maxProblems   = 40       // problems noted of one mail
	maxDecoded    = 1 << 20  // octets of one text part that are decoded for showing
	maxQuoteDepth = 8        // levels of quotation shown of HTML
	maxRecipients = 200      // recipients of a delivery report
	maxReport     = 256 << 10
	maxDiagnostic = 500     // octets of one diagnostic
	wholeSource   = 1 << 20 // a mail up to this size is read in one piece
	window        = 64 << 10
)

// endNotShown is the problem of a mail whose Text is not all of its text.
const endNotShown = "long text: its end is not shown"
