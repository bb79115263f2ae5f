package signing

// mistakeWords say what each mistake is, and what to do about it.
var mistakeWords = map[Mistake][2]string{
	OldSecret:        {"Your code uses a secret that was rotated away.", "Give every instance of your server the present secret, and restart what reads it at the start."},
	OtherSecret:      {"Your code uses the secret of another webhook.", "Each webhook has a secret of its own. If this one's is lost, rotate it."},
	SecretPrefixCut:  {"Your code cuts whsec_ off the secret.", "The key is the whole text of the secret, whsec_ included."},
	SecretDecoded:    {"Your code decodes the secret.", "The key is the text of the secret as it is, whsec_ included: its bytes, not what they encode."},
	SecretNotDecoded: {"Your code uses the text of the secret as the key.", "Cut whsec_ off the secret and decode the rest from base64: these bytes are the key."},
	SecretNotCut:     {"Your code decodes the secret together with whsec_.", "Cut whsec_ off before decoding the rest from base64. Some decoders take it without complaint."},
	SecretWithBlanks: {"Blanks, a line end or quotes are around the secret.", "Trim it where your code reads it. Files end with a line end, and quotes in .env files are kept by some readers."},
	SecretEmpty:      {"The secret is empty in your code.", "The variable is not set where your code runs, or has another name there."},

	BodyReserialized: {"Your code hashes a body that was parsed and written again.", "Hash the bytes as they came, before any parser: express.raw(), request.get_data(), request.raw_post, php://input."},
	BodyObject:       {"Your code hashes an object in place of the body.", "The body was parsed already, and was put into the text as an object. Hash the bytes as they came, before any parser."},
	BodyEmpty:        {"Your code hashes an empty body.", "Something has read the body before, such as a parser or a log. Read the bytes once and hand them on."},
	BodyLineEnd:      {"The body that your code hashes has another line end.", "Take the bytes as they came. Editors, templates and echo add a line end; some readers change them."},
	BodyCharset:      {"Your code reads the body in another character set.", "Hash the bytes, or read them as UTF-8 and write them as UTF-8."},
	BodyOnlyData:     {"Your code hashes the member data alone.", "The whole body is signed, from the first brace to the last."},
	BodyDiffers:      {"Your code has hashed other bytes than were sent.", "They differ at this byte. If a proxy changes bodies, verify before it does."},

	TimestampMissing:      {"The timestamp is missing in what your code signs.", "Put the value of the timestamp's header and a full stop before the body."},
	TimestampMilliseconds: {"Your code signs the timestamp in milliseconds.", "Use the value of the header as it is: whole seconds since 1970."},
	TimestampForm:         {"Your code signs something else in the timestamp's place.", "Use the text of the timestamp's header as it is, not a date and not the timestamp in the body."},
	TimestampOther:        {"Your code signs the time of its own clock.", "Use the timestamp of the header. The clock is only for telling whether it is too old."},
	IDMissing:             {"The message's id is missing in what your code signs.", "Put the value of the id's header and a full stop before the timestamp."},
	IDOther:               {"Your code signs another id.", "Use the value of the id's header, not an id in the body."},
	IDAdded:               {"Your code signs an id that does not belong there.", "This signature is over timestamp and body. Another one on the same request, with other headers, has the id."},
	PeriodMissing:         {"The full stop between the parts is missing in what your code signs.", "The parts are joined by a full stop each."},
	OrderOther:            {"Your code signs the parts in another order.", "The timestamp comes first, then a full stop, then the body."},
	PrefixHashed:          {"Your code hashes the prefix of the signature along.", "The prefix stands in the header only. Cut it off the header's value before comparing, and sign without it."},

	NotHMAC:       {"Your code makes a plain hash.", "Use HMAC with the secret as its key: a hash of secret and body is something else."},
	HashOther:     {"Your code uses another hash function.", "The algorithm of the signature is set by the webhook, and is SHA-256 unless it says otherwise."},
	EncodingOther: {"Your code writes the signature in another encoding.", "Hexadecimal digits and base64 are two ways to write the same bytes. Use the one that the header has."},
	EncodingTwice: {"Your code encodes the signature twice.", "It writes the hexadecimal digits in base64. Encode the bytes of the HMAC."},
	EncodingUpper: {"Your code writes the signature in capital letters.", "The header has lower-case digits. Compare bytes, or write the digits so."},
	EncodingURL:   {"Your code writes the signature in the base64 for URLs, or without padding.", "The header has the usual alphabet, with + and /, and ends with = where that is due."},
	SchemeOther:   {"Your code computes the signature of another header.", "The request is signed in several ways. Compare with the header that belongs to this way."},
	HeaderMissing: {"A header has not reached your code.", "A proxy or a framework on the way drops it, or the code asks for another name. Let it through."},
	HeaderChanged: {"A header reached your code with another value.", "Something on the way changes it, or these are the headers of another request."},
	ClockOff:      {"The clock of your server is off.", "The timestamp is further from it than a verifier accepts, which is 5 minutes. Set the clock by NTP."},
	NotASignature: {"This is no signature.", "Paste what your code has computed: hexadecimal digits or base64."},
}

// Words returns what the mistake is, as a sentence, and what to do about it.
func (m Mistake) Words() (what, advice string) { return mistakeWords[m][0], mistakeWords[m][1] }
