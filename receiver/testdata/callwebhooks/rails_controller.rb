require "openssl"
class RelayHookController < ApplicationController
  skip_before_action :verify_authenticity_token
  def receive
    raw_body = request.raw_post
    timestamp = request.headers["X-Relay-Timestamp"]
    signature = request.headers["X-Relay-Signature"]
    return head :unauthorized unless verify(raw_body, timestamp, signature)
    return head :unauthorized if (Time.now.to_i - timestamp.to_i).abs > 300
    payload = JSON.parse(raw_body)
    # ...do your thing...
    head :ok
  end
  private
  def verify(raw_body, timestamp, sig_header)
    expected = OpenSSL::HMAC.hexdigest("sha256", ENV["RELAY_WEBHOOK_SECRET"], "#{timestamp}.#{raw_body}")
    provided = sig_header.to_s.sub(/^sha256=/, "")
    Rack::Utils.secure_compare(expected, provided)
  end
end
