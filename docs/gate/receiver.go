//go:build ignore

// An endpoint for the gate in mode "decide". Run: TOKEN=... PORT=9000 go run receiver.go
package main

import (
	"crypto/subtle"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"
)

// payload is what the endpoint gets; Relay sends more members than these.
type payload struct {
	CampaignID int64 `json:"campaignId"`
	Respondent struct {
		FirstName   string `json:"firstName"`
		Title       string `json:"title"`
		PhoneNumber string `json:"phoneNumber"`
	} `json:"respondent"`
	DoNotContact bool `json:"doNotContact"`
}

type verdict struct {
	Decision   string         `json:"decision"`
	Reason     string         `json:"reason,omitempty"`
	Respondent map[string]any `json:"respondent,omitempty"` // members to change
}

// decide is your logic: look the person up, count what they have spent ...
func decide(p payload) verdict {
	if p.DoNotContact || p.Respondent.PhoneNumber == "" {
		return verdict{Decision: "reject", Reason: "cannot be called"}
	}
	title := p.Respondent.Title
	if title == "" {
		title = "Customer"
	}
	return verdict{Decision: "accept", Respondent: map[string]any{"title": title}}
}

func main() {
	token := []byte(os.Getenv("TOKEN"))
	if len(token) == 0 {
		log.Fatal("set TOKEN to what the gate sends")
	}
	var mu sync.Mutex
	verdicts := make(map[string]verdict) // by delivery: a repeated attempt gets the same answer. Keep it in your database.
	http.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("ApiKey")), token) != 1 {
			http.Error(w, `{"error":"wrong token"}`, http.StatusUnauthorized)
			return
		}
		var p payload
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&p); err != nil {
			http.Error(w, `{"error":"not a respondent"}`, http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		delivery := r.Header.Get("X-Relay-Delivery")
		v, known := verdicts[delivery]
		if !known {
			v = decide(p)
			verdicts[delivery] = v
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
