class RusticAIClient {
  constructor(baseUrl, guildId, userId, userName) {
    this.baseUrl = baseUrl;
    this.guildId = guildId;
    this.userId = userId;
    this.userName = userName;
    
    this.systemWS = null;
    this.userWS = null;
    this.state = 'disconnected';
    this.callbacks = {};
  }
  
  // Event handling
  on(event, callback) {
    this.callbacks[event] = this.callbacks[event] || [];
    this.callbacks[event].push(callback);
  }
  
  emit(event, data) {
    (this.callbacks[event] || []).forEach(cb => cb(data));
  }
  
  // Main connection flow
  async connect() {
    try {
      this.emit('status', 'Connecting to guild system...');
      await this.connectSystemWebSocket();
    } catch (error) {
      this.emit('error', `Connection failed: ${error.message}`);
    }
  }
  
  connectSystemWebSocket() {
    return new Promise((resolve, reject) => {
      const wsUrl = `ws://${this.baseUrl}/ws/guilds/${this.guildId}/syscomms/${this.userId}`;
      this.systemWS = new WebSocket(wsUrl);
      
      const healthTimeout = setTimeout(() => {
        reject(new Error('Guild initialization timeout'));
      }, 10000);
      
      this.systemWS.onopen = () => {
        this.state = 'system_connected';
        this.emit('status', 'Connected, waiting for guild initialization...');
      };
      
      this.systemWS.onmessage = (event) => {
        const message = JSON.parse(event.data);
        this.handleSystemMessage(message, resolve, healthTimeout);
      };
      
      this.systemWS.onerror = (error) => {
        clearTimeout(healthTimeout);
        reject(error);
      };
    });
  }
  
  handleSystemMessage(message, resolve, healthTimeout) {
    if (message.format === "rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport") {
      
      // First health report - connect user WebSocket
      if (this.state === 'system_connected') {
        this.state = 'guild_initializing';
        this.emit('status', 'Guild initializing, connecting user session...');
        this.connectUserWebSocket();
      }
      
      // Guild ready - start messaging
      if (message.payload.guild_health === "ok" && this.state !== 'ready') {
        this.state = 'ready';
        clearTimeout(healthTimeout);
        this.emit('status', 'Ready!');
        this.requestParticipants();
        resolve();
      }
      
      // Handle error states
      if (message.payload.guild_health === "error") {
        clearTimeout(healthTimeout);
        this.emit('error', 'Guild initialization failed');
      }
    }
    
    // Forward other system messages
    this.emit('system_message', message);
  }
  
  connectUserWebSocket() {
    const wsUrl = `ws://${this.baseUrl}/ws/guilds/${this.guildId}/usercomms/${this.userId}/${encodeURIComponent(this.userName)}`;
    this.userWS = new WebSocket(wsUrl);
    
    this.userWS.onopen = () => {
      this.emit('status', 'User session connected...');
    };
    
    this.userWS.onmessage = (event) => {
      const message = JSON.parse(event.data);
      this.emit('user_message', message);
    };
    
    this.userWS.onerror = (error) => {
      this.emit('error', `User connection error: ${error.message}`);
    };
  }
  
  // Messaging methods
  requestParticipants() {
    this.sendSystemMessage({
      format: "participantsRequest",
      payload: {guild_id: this.guildId},
      sender: {id: this.userId}
    });
  }
  
  sendChatMessage(text, conversationId = null) {
    if (this.state !== 'ready') {
      throw new Error('Client not ready for messaging');
    }
    
    this.sendUserMessage({
      format: "text",
      payload: {text},
      sender: {id: this.userId, name: this.userName},
      conversationId,
      timestamp: new Date().toISOString()
    });
  }
  
  sendSystemMessage(message) {
    if (this.systemWS?.readyState === WebSocket.OPEN) {
      this.systemWS.send(JSON.stringify(message));
    }
  }
  
  sendUserMessage(message) {
    if (this.userWS?.readyState === WebSocket.OPEN) {
      this.userWS.send(JSON.stringify(message));
    }
  }
  
  stopGuild() {
    this.sendSystemMessage({
      format: "stopGuildRequest",
      payload: {guild_id: this.guildId},
      sender: {id: this.userId}
    });
  }
  
  disconnect() {
    this.systemWS?.close();
    this.userWS?.close();
    this.state = 'disconnected';
  }
}
