package io.tryvital.client

import android.content.Context

sealed class AuthenticateRequest {
    class SignInToken(val rawToken: String) : AuthenticateRequest()
}

class VitalClient {
    suspend fun signOut() {}

    companion object {
        fun getOrCreate(context: Context): VitalClient = TODO()

        suspend fun identifyExternalUser(
            context: Context,
            externalUserId: String,
            authenticate: suspend (externalUserId: String) -> AuthenticateRequest,
        ) {}
    }
}
