// Passkeys. A button with data-passkey ("get" or "create") holds in data-options, as JSON, what to ask the authenticator
// for. The answer goes into the field that data-into names, and the form is sent. Without a browser that can do this the
// button stays hidden.

const able = "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential && "toJSON" in PublicKeyCredential.prototype;

async function ask(button) {
	const options = JSON.parse(button.dataset.options);
	if (button.dataset.passkey === "create") return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
	return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

// reason says what went wrong in words; browsers do not tell a person who cancels from one who waits.
function reason(error) {
	switch (error.name) {
	case "NotAllowedError": return "No passkey was used: it was cancelled, or took too long. Try again.";
	case "InvalidStateError": return "This device has a passkey for your account already.";
	case "SecurityError": return "Passkeys do not work at this address. Open Relay by the name that the operator has set.";
	default: return "The passkey could not be used: " + error.message;
	}
}

async function use(button) {
	const form = button.form, wrong = form.querySelector("[data-passkey-wrong]");
	if (!form.reportValidity()) return;
	wrong.hidden = true;
	button.disabled = true;
	try {
		form.elements[button.dataset.into].value = JSON.stringify(await ask(button));
		form.submit();
	} catch (error) {
		wrong.textContent = reason(error);
		wrong.hidden = false;
		button.disabled = false;
	}
}

export function passkeys() {
	if (!able) return;
	for (const button of document.querySelectorAll("button[data-passkey]")) {
		button.hidden = false;
		button.addEventListener("click", () => use(button));
	}
	for (const note of document.querySelectorAll("[data-passkey-unable]")) note.hidden = true;
}
