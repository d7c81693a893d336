package com.oursky.authgear

enum class SessionState { UNKNOWN, NO_SESSION, AUTHENTICATED }

class Authgear {
    val sessionState: SessionState = TODO()
    val accessToken: String? = TODO()
    fun refreshAccessTokenIfNeededSync() {}
}
